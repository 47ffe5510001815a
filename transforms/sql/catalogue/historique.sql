-- All measures of one ESSMS.
SELECT
    date_mesure,
    indicateur,
    numerateur,
    denominateur,
    taux,
    taux - LAG(taux) OVER (PARTITION BY indicateur ORDER BY date_mesure) AS variation_points,
    cible,
    atteint,
    reste_a_faire,
    statut,
    debut_fenetre,
    fin_fenetre,
    regles,
    taux_plancher,
    verdict
FROM indicateurs
WHERE finess_et = UPPER(finess)
ORDER BY indicateur, date_mesure
