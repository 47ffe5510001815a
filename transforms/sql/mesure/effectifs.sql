-- §6.4, §6.5 The counts of each ESSMS, zero where there is none; whether they may be shown is decided by the sources.
WITH decomptes AS (
    SELECT finess_et, 'file_active' AS grandeur, COUNT(*) AS nombre FROM file_active GROUP BY finess_et
    UNION ALL
    SELECT finess_et, 'file_active_annuelle', COUNT(*) FROM file_active_annuelle GROUP BY finess_et
    UNION ALL
    SELECT finess_et, 'personnes_eligibles', COUNT(*) FROM personnes_eligibles GROUP BY finess_et
    UNION ALL
    SELECT finess_et, 'dossiers_actifs', COUNT(*) FROM dossiers_actifs GROUP BY finess_et
    UNION ALL
    SELECT a.finess_et, 'dossiers_projet', COUNT(*)
    FROM dossiers_actifs AS a
    INNER JOIN projets_en_vigueur AS p ON p.finess_et = a.finess_et AND p.id_dossier = a.id_dossier
    GROUP BY a.finess_et
    UNION ALL
    SELECT a.finess_et, 'dossiers_agenda', COUNT(*)
    FROM dossiers_actifs AS a
    WHERE
        EXISTS (
            SELECT 1 FROM agenda_fenetre AS g WHERE g.finess_et = a.finess_et AND g.id_dossier = a.id_dossier
        )
    GROUP BY a.finess_et
    UNION ALL
    SELECT m.finess_et, 'messages', SUM(m.nb_messages)
    FROM messages AS m
    INNER JOIN fenetres AS f ON f.finess_et = m.finess_et
    WHERE m.sens = 'envoye' AND m.jour BETWEEN f.debut_fenetre AND f.fin_fenetre
    GROUP BY m.finess_et
    UNION ALL
    SELECT finess_et, CASE WHEN eligible THEN 'personnes_dmp' ELSE 'dmp_hors_population' END, COUNT(*)
    FROM personnes_dmp
    GROUP BY finess_et, eligible
    UNION ALL
    SELECT finess_et, 'eprescriptions', COUNT(*) FROM eprescription_fenetre GROUP BY finess_et
    UNION ALL
    SELECT finess_et, 'echanges_eparcours', COUNT(*) FROM eparcours_fenetre GROUP BY finess_et
)

SELECT
    f.finess_et,
    CAST(COALESCE(SUM(CASE WHEN d.grandeur = 'file_active' THEN d.nombre END), 0) AS BIGINT) AS file_active,
    CAST(COALESCE(SUM(CASE WHEN d.grandeur = 'file_active_annuelle' THEN d.nombre END), 0) AS BIGINT)
        AS file_active_annuelle,
    CAST(COALESCE(SUM(CASE WHEN d.grandeur = 'personnes_eligibles' THEN d.nombre END), 0) AS BIGINT)
        AS personnes_eligibles,
    CAST(COALESCE(SUM(CASE WHEN d.grandeur = 'dossiers_actifs' THEN d.nombre END), 0) AS BIGINT) AS dossiers_actifs,
    CAST(COALESCE(SUM(CASE WHEN d.grandeur = 'dossiers_projet' THEN d.nombre END), 0) AS BIGINT) AS dossiers_projet,
    CAST(COALESCE(SUM(CASE WHEN d.grandeur = 'dossiers_agenda' THEN d.nombre END), 0) AS BIGINT) AS dossiers_agenda,
    CAST(COALESCE(SUM(CASE WHEN d.grandeur = 'messages' THEN d.nombre END), 0) AS BIGINT) AS messages,
    CAST(COALESCE(SUM(CASE WHEN d.grandeur = 'personnes_dmp' THEN d.nombre END), 0) AS BIGINT) AS personnes_dmp,
    CAST(COALESCE(SUM(CASE WHEN d.grandeur = 'dmp_hors_population' THEN d.nombre END), 0) AS BIGINT)
        AS dmp_hors_population,
    CAST(COALESCE(SUM(CASE WHEN d.grandeur = 'eprescriptions' THEN d.nombre END), 0) AS BIGINT) AS eprescriptions,
    CAST(COALESCE(SUM(CASE WHEN d.grandeur = 'echanges_eparcours' THEN d.nombre END), 0) AS BIGINT)
        AS echanges_eparcours
FROM fenetres AS f
LEFT JOIN decomptes AS d ON d.finess_et = f.finess_et
GROUP BY f.finess_et
