CREATE TABLE receptions (
    id INTEGER PRIMARY KEY,
    porteur TEXT NOT NULL,
    chemin TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    taille INTEGER NOT NULL,
    recu_le TEXT NOT NULL,
    contexte TEXT NOT NULL,
    UNIQUE (porteur, chemin, sha256)
) STRICT;
CREATE TABLE apercus (
    porteur TEXT NOT NULL,
    chemin TEXT NOT NULL,
    taille INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    reception INTEGER NOT NULL REFERENCES receptions (id),
    PRIMARY KEY (porteur, chemin)
) STRICT, WITHOUT ROWID;
CREATE TABLE unites (
    reception INTEGER NOT NULL REFERENCES receptions (id),
    membre TEXT NOT NULL,
    nom_table TEXT NOT NULL,
    date_extraction TEXT,
    partiel INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    depot TEXT NOT NULL,
    PRIMARY KEY (reception, membre, nom_table)
) STRICT, WITHOUT ROWID;
CREATE INDEX unites_depot ON unites (depot);
CREATE TABLE examens (
    depot TEXT PRIMARY KEY,
    contexte TEXT NOT NULL,
    statut TEXT NOT NULL,
    motif TEXT,
    lignes_lues INTEGER NOT NULL,
    lignes_utilisees INTEGER NOT NULL,
    lignes_rejetees INTEGER NOT NULL,
    lignes_hors_projet INTEGER NOT NULL,
    fichier TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX examens_fichier ON examens (fichier);
CREATE TABLE bilans (
    depot TEXT NOT NULL,
    finess_et TEXT,
    lignes_utilisees INTEGER NOT NULL,
    lignes_rejetees INTEGER NOT NULL
) STRICT;
CREATE INDEX bilans_depot ON bilans (depot);
CREATE TABLE constats (
    depot TEXT NOT NULL,
    code TEXT NOT NULL,
    ligne INTEGER,
    colonne TEXT,
    valeur TEXT,
    detail TEXT NOT NULL,
    nombre INTEGER NOT NULL
) STRICT;
CREATE INDEX constats_depot ON constats (depot);
CREATE TABLE plis (
    fichier TEXT PRIMARY KEY,
    pli TEXT NOT NULL,
    depots INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 2;
