-- What one figure was made from: a row for each table it needs.
SELECT
    i.date_mesure,
    i.numerateur,
    i.denominateur,
    i.taux,
    i.statut,
    i.debut_fenetre,
    i.fin_fenetre,
    i.regles,
    b.partie,
    b.nom_table AS "table",
    s.presente,
    s.derniere_extraction,
    s.lignes_rejetees,
    s.sejours_inconnus,
    CASE
        WHEN NOT s.presente THEN 'manque'
        WHEN s.derniere_extraction <= i.fin_fenetre THEN 'extraite avant la fin de la fenêtre'
        WHEN s.sans_reference THEN 'dépôts partiels seulement'
        WHEN s.tardive THEN 'extraite plus de 45 jours après la mesure'
        WHEN s.refusee THEN 'fichier refusé'
        WHEN s.lignes_rejetees > 0 THEN 'lignes rejetées'
        WHEN s.sejours_inconnus > 0 THEN 'séjours de dossiers inconnus'
        ELSE 'complète'
    END AS constat,
    i.taux_plancher,
    i.verdict
FROM indicateurs AS i
INNER JOIN besoins AS b ON b.indicateur = i.indicateur
INNER JOIN sources AS s
    ON s.date_mesure = i.date_mesure AND s.finess_et = i.finess_et AND s."table" = b.nom_table
WHERE
    i.finess_et = UPPER(finess)
    AND i.indicateur = un_indicateur
    AND i.date_mesure = COALESCE(CAST(jour AS DATE), (SELECT MAX(date_mesure) FROM indicateurs))
ORDER BY b.partie DESC, b.nom_table ASC
