-- §6.5 3(c) Rejected rows by deposit and ESSMS they name: "all rows of a file refused for its rows count as rejected; a
-- rejected row whose FINESS is missing or malformed names every ESSMS of the porteur that the file names, all of the
-- porteur's if it names none."
WITH anonymes AS (
    SELECT
        depot,
        lignes_rejetees
    FROM bilans
    WHERE finess_et IS NULL AND lignes_rejetees > 0
),

nommes AS (
    SELECT DISTINCT
        depot,
        finess_et
    FROM bilans
    WHERE finess_et IS NOT NULL
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
    n.finess_et,
    a.lignes_rejetees
FROM anonymes AS a
INNER JOIN nommes AS n ON n.depot = a.depot
UNION ALL
SELECT
    a.depot,
    e.finess_et,
    a.lignes_rejetees
FROM anonymes AS a
INNER JOIN depots AS d ON d.depot = a.depot
INNER JOIN essms AS e ON e.porteur = d.porteur
WHERE NOT EXISTS (SELECT 1 FROM nommes AS n WHERE n.depot = a.depot)
