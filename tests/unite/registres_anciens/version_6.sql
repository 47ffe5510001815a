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

ALTER TABLE apercus ADD COLUMN present INTEGER NOT NULL DEFAULT 1;

CREATE INDEX apercus_absents ON apercus (reception) WHERE present = 0;

CREATE TABLE deplaces (
    reception INTEGER NOT NULL REFERENCES receptions (id),
    depot TEXT NOT NULL,
    PRIMARY KEY (reception, depot)
) STRICT, WITHOUT ROWID;

CREATE TABLE retraits (depot TEXT PRIMARY KEY, motif TEXT NOT NULL, retire_le TEXT NOT NULL) STRICT, WITHOUT ROWID;

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

ALTER TABLE replis ADD COLUMN ecartes TEXT NOT NULL DEFAULT '[]';
PRAGMA user_version = 6;
