-- §6.2 "Reference extraction: among usable complete deposits with an accepted row of that ESSMS, the latest extraction
-- date ≤ D + 45 days; if there is none, the earliest after." Per ESSMS and state table.
SELECT
    x.finess_et,
    x.nom_table,
    COALESCE(
        MAX(CASE WHEN x.date_extraction <= f.limite_reference THEN x.date_extraction END),
        MIN(x.date_extraction)
    ) AS date_reference
FROM extractions AS x
INNER JOIN fenetres AS f ON f.finess_et = x.finess_et
WHERE NOT x.partiel AND x.nom_table IN ('dossiers', 'sejours', 'projets')
GROUP BY x.finess_et, x.nom_table
