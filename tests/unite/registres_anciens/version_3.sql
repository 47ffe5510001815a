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
PRAGMA user_version = 3;
