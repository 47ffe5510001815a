-- §6.5 Per ESSMS and indicator: are the tables its numerator and its denominator need present, and could one of them
-- flatter the rate? source_partielle: "(a) its latest extraction date is ≤ fin_fenetre; (b) it is dossiers or sejours and
-- has no reference extraction; (c) it is dossiers or sejours and a deposit of it […] has rejected rows naming that ESSMS."
SELECT
    f.finess_et,
    b.indicateur,
    SUM(CASE WHEN b.partie = 'numerateur' AND NOT s.presente THEN 1 ELSE 0 END) = 0 AS numerateur_present,
    SUM(CASE WHEN b.partie = 'denominateur' AND NOT s.presente THEN 1 ELSE 0 END) = 0 AS denominateur_present,
    SUM(
        CASE
            WHEN s.derniere_extraction <= f.fin_fenetre OR s.sans_reference OR s.lignes_rejetees > 0 THEN 1
            ELSE 0
        END
    ) > 0 AS partielle
FROM fenetres AS f
INNER JOIN sources AS s ON s.finess_et = f.finess_et
INNER JOIN besoins AS b ON b.nom_table = s.nom_table
GROUP BY f.finess_et, b.indicateur
