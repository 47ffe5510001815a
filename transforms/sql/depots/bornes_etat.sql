-- §6.2 From which extraction date to which a deposit can speak of the state of an ESSMS:
-- "from the reference extraction on (any usable date if there is no reference), up to a bound: the later of D + 45 days
--  and the reference extraction."
SELECT
    f.finess_et,
    t.nom_table,
    r.date_reference,
    COALESCE(r.date_reference, f.debut_fenetre) AS borne_debut,
    GREATEST(f.limite_reference, COALESCE(r.date_reference, f.limite_reference)) AS borne_fin
FROM fenetres AS f
CROSS JOIN (
    SELECT 'dossiers' AS nom_table
    UNION ALL
    SELECT 'sejours'
    UNION ALL
    SELECT 'projets'
) AS t
LEFT JOIN extractions_reference AS r ON r.finess_et = f.finess_et AND r.nom_table = t.nom_table
