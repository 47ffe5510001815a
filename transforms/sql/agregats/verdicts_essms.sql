-- §6.5 "An ESSMS is à la cible when every opposable verdict is atteint or sans_objet; à confirmer when the others are all
-- a_confirmer." An ESSMS without any row, or a verdict that nobody gave, proves nothing.
WITH comptes AS (
    SELECT
        e.date_mesure,
        e.projet,
        e.finess_et,
        COUNT(i.indicateur) AS nb_indicateurs,
        SUM(CASE WHEN i.verdict = 'atteint' THEN 1 ELSE 0 END) AS nb_atteints,
        SUM(CASE WHEN i.verdict = 'a_confirmer' THEN 1 ELSE 0 END) AS nb_a_confirmer,
        SUM(CASE WHEN i.verdict IN ('non_opposable', 'atteint', 'sans_objet', 'a_confirmer') THEN 0 ELSE 1 END)
            AS nb_bloquants
    FROM essms AS e
    LEFT JOIN indicateurs AS i ON i.date_mesure = e.date_mesure AND i.finess_et = e.finess_et
    GROUP BY e.date_mesure, e.projet, e.finess_et
)

SELECT
    date_mesure,
    projet,
    finess_et,
    nb_atteints,
    nb_indicateurs > 0 AND nb_bloquants = 0 AND nb_a_confirmer = 0 AS a_la_cible,
    nb_bloquants = 0 AND nb_a_confirmer > 0 AS a_confirmer
FROM comptes
