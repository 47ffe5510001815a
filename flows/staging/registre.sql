-- The register of deposits, step by step: a register is brought from its version (PRAGMA user_version) to the last one.
-- A line "== n" opens the step that leads to version n; 2 is the oldest version still found. A blank line ends a statement.

== 2

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

-- What a file looked like when it was last read, so that an unchanged one is not opened again.
CREATE TABLE apercus (
    porteur TEXT NOT NULL,
    chemin TEXT NOT NULL,
    taille INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    reception INTEGER NOT NULL REFERENCES receptions (id),
    PRIMARY KEY (porteur, chemin)
) STRICT, WITHOUT ROWID;

-- A file, or each sheet, member or table of one.
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

-- What was found in a content; one row per deposit, replaced when the context it was judged in changes.
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

-- The fold of a staged file, and of how many deposits: no longer good when one of them has been judged again.
CREATE TABLE plis (
    fichier TEXT PRIMARY KEY,
    pli TEXT NOT NULL,
    depots INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

== 3

-- The copy of what `depots` gives (a file beside this one, and its SHA-256), and the deposits whose rows changed since.
CREATE TABLE copie (fichier TEXT NOT NULL, sha256 TEXT NOT NULL) STRICT;

CREATE TABLE changes (depot TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

CREATE TRIGGER unite_ajoutee AFTER INSERT ON unites
BEGIN INSERT OR IGNORE INTO changes VALUES (new.depot); END;

CREATE TRIGGER unite_retiree AFTER DELETE ON unites
BEGIN INSERT OR IGNORE INTO changes VALUES (old.depot); END;

CREATE TRIGGER examen_ajoute AFTER INSERT ON examens
BEGIN INSERT OR IGNORE INTO changes VALUES (new.depot); END;

CREATE TRIGGER examen_change
AFTER UPDATE OF statut, motif, lignes_lues, lignes_utilisees, lignes_rejetees, lignes_hors_projet, fichier ON examens
BEGIN INSERT OR IGNORE INTO changes VALUES (new.depot); END;

== 4

-- The SHA-256 of a staged file or fold. One staged before this table was there gets it when it is first read.
CREATE TABLE sceaux (fichier TEXT PRIMARY KEY, sha256 TEXT NOT NULL) STRICT, WITHOUT ROWID;

== 5

ALTER TABLE plis RENAME TO replis;

ALTER TABLE replis RENAME COLUMN pli TO repli;

== 6

-- What stands at each path (§4). Only what is not as it came is written: a path that is not in `passages` has held one content.

-- Of a path that has held several contents: in which order each was last put there.
CREATE TABLE passages (
    porteur TEXT NOT NULL,
    chemin TEXT NOT NULL,
    reception INTEGER NOT NULL REFERENCES receptions (id),
    ordre INTEGER NOT NULL,
    PRIMARY KEY (porteur, chemin, reception)
) STRICT, WITHOUT ROWID;

INSERT INTO passages (porteur, chemin, reception, ordre)
SELECT
    r.porteur,
    r.chemin,
    r.id,
    row_number() OVER (PARTITION BY r.porteur, r.chemin ORDER BY a.reception IS r.id, r.recu_le, r.id)
FROM receptions AS r
LEFT JOIN apercus AS a ON a.porteur = r.porteur AND a.chemin = r.chemin
WHERE EXISTS (
    SELECT 1 FROM receptions AS autre WHERE autre.porteur = r.porteur AND autre.chemin = r.chemin AND autre.id <> r.id
);

-- 0: the last inventory did not find the file any more.
ALTER TABLE apercus ADD COLUMN present INTEGER NOT NULL DEFAULT 1;

CREATE INDEX apercus_absents ON apercus (reception) WHERE present = 0;

-- Contents whose file is gone from its path and that were seen at another since: they stand only there.
CREATE TABLE deplaces (
    reception INTEGER NOT NULL REFERENCES receptions (id),
    depot TEXT NOT NULL,
    PRIMARY KEY (reception, depot)
) STRICT, WITHOUT ROWID;

-- Contents that the agency has withdrawn, why and when.
CREATE TABLE retraits (depot TEXT PRIMARY KEY, motif TEXT NOT NULL, retire_le TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- What does not stand at its path: accepted, not the last accepted there; or not accepted, not the last seen there.
CREATE VIEW hors_place AS
SELECT u.reception, u.depot, 0 AS deplace
FROM (
    SELECT
        reception,
        ordre,
        acceptee,
        max(CASE WHEN acceptee THEN ordre END) OVER lieu AS debout,
        max(ordre) OVER lieu AS dernier
    FROM (
        SELECT
            p.porteur,
            p.chemin,
            p.reception,
            p.ordre,
            EXISTS (
                SELECT 1
                FROM unites AS lue
                INNER JOIN examens AS e ON e.depot = lue.depot
                WHERE lue.reception = p.reception AND e.statut IN ('accepte', 'accepte_avec_rejets')
            ) AS acceptee
        FROM passages AS p
    )
    WINDOW lieu AS (PARTITION BY porteur, chemin)
) AS s
INNER JOIN unites AS u ON u.reception = s.reception
WHERE CASE WHEN s.acceptee THEN s.ordre < s.debout ELSE s.ordre < s.dernier END
UNION ALL
SELECT reception, depot, 1 AS deplace FROM deplaces;

-- A fold is no longer good either when the contents of its file that count nowhere are not those of then (JSON).
ALTER TABLE replis ADD COLUMN ecartes TEXT NOT NULL DEFAULT '[]';

== 7

-- The context is among what the copy of `depots` holds.
DROP TRIGGER examen_change;

CREATE TRIGGER examen_change
AFTER UPDATE OF contexte, statut, motif, lignes_lues, lignes_utilisees, lignes_rejetees, lignes_hors_projet, fichier ON examens
BEGIN INSERT OR IGNORE INTO changes VALUES (new.depot); END;
