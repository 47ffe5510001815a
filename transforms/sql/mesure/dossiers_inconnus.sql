-- §6.5 "A séjour, projet, agenda event or mise à jour of a dossier unknown there has no effect (alert DOSSIER_INCONNU,
-- with the count)." Current séjours and projets, and the distinct events and updates whose day is in the window.
WITH lignes AS (
    SELECT finess_et, id_dossier, 'sejours' AS nom_table FROM sejours_courants
    UNION ALL
    SELECT finess_et, id_dossier, 'projets' FROM projets_courants
    UNION ALL
    SELECT finess_et, id_dossier, 'agenda' FROM agenda_fenetre
    UNION ALL
    SELECT finess_et, id_dossier, nom_table
    FROM (SELECT DISTINCT finess_et, id_dossier, horodatage, nom_table FROM mises_a_jour_fenetre) AS m
    WHERE nom_table = 'mises_a_jour'
)

SELECT
    l.finess_et,
    l.nom_table,
    COUNT(*) AS nombre
FROM lignes AS l
WHERE NOT EXISTS (SELECT 1 FROM personnes AS p WHERE p.finess_et = l.finess_et AND p.id_dossier = l.id_dossier)
GROUP BY l.finess_et, l.nom_table
