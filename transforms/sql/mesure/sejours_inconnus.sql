-- §6.5 3(d) "current séjours of the window are of dossiers unknown there (DOSSIER_INCONNU)." How many distinct dossiers: the
-- people of as many could be missing from the file active.
SELECT
    s.finess_et,
    COUNT(DISTINCT s.id_dossier) AS nombre
FROM sejours_courants AS s
INNER JOIN fenetres AS f ON f.finess_et = s.finess_et
WHERE
    s.date_entree <= f.fin_fenetre
    AND (s.date_sortie IS NULL OR s.date_sortie >= f.debut_fenetre)
    AND NOT EXISTS (
        SELECT 1 FROM dossiers_courants AS d WHERE d.finess_et = s.finess_et AND d.id_dossier = s.id_dossier
    )
GROUP BY s.finess_et
