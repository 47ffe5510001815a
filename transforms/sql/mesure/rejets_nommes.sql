-- §6.5 (c) Rejected rows by deposit and ESSMS they name: "a rejected row whose FINESS is missing or malformed names every
-- ESSMS of the project that the file names, all of the porteur's if it names none."
WITH anonymes AS (
    SELECT
        depot,
        lignes_rejetees
    FROM bilans
    WHERE finess_et IS NULL AND lignes_rejetees > 0
)

SELECT
    depot,
    finess_et,
    lignes_rejetees
FROM bilans
WHERE finess_et IS NOT NULL AND lignes_rejetees > 0
UNION ALL
SELECT
    a.depot,
    b.finess_et,
    a.lignes_rejetees
FROM anonymes AS a
INNER JOIN bilans AS b ON b.depot = a.depot AND b.finess_et IS NOT NULL
UNION ALL
SELECT
    a.depot,
    e.finess_et,
    a.lignes_rejetees
FROM anonymes AS a
INNER JOIN depots AS d ON d.depot = a.depot
INNER JOIN essms AS e ON e.porteur = d.porteur
WHERE NOT EXISTS (SELECT 1 FROM bilans AS b WHERE b.depot = a.depot AND b.finess_et IS NOT NULL)
