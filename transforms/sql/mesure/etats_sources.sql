-- §6.5 Per ESSMS and indicator: are the tables its numerator and its denominator need present, and could one of them
-- flatter the rate? source_partielle: "(a) its latest extraction date is ≤ fin_fenetre; (b) it is dossiers or sejours and
-- has no reference extraction (partial deposits only), or one later than D + 45 days"; (c) rejected rows; (d) séjours of
-- unknown dossiers; (e) a refused deposit: see `sources`. Rejected rows of mises_a_jour are no such reason.
SELECT
    f.finess_et,
    b.indicateur,
    SUM(CASE WHEN b.partie = 'numerateur' AND NOT s.presente THEN 1 ELSE 0 END) = 0 AS numerateur_present,
    SUM(CASE WHEN b.partie = 'denominateur' AND NOT s.presente THEN 1 ELSE 0 END) = 0 AS denominateur_present,
    SUM(
        CASE
            WHEN s.derniere_extraction <= f.fin_fenetre THEN 1
            WHEN s.sans_reference OR s.tardive OR s.refusee OR s.sejours_inconnus > 0 THEN 1
            WHEN s.nom_table <> 'maj' AND s.lignes_rejetees > 0 THEN 1
            ELSE 0
        END
    ) > 0 AS partielle
FROM fenetres AS f
INNER JOIN sources AS s ON s.finess_et = f.finess_et
INNER JOIN besoins AS b ON b.nom_table = s.nom_table
GROUP BY f.finess_et, b.indicateur
