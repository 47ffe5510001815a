-- The targets that keep the balance of a porteur from being due, the nearest first: those reached that are to confirm have
-- nothing left to do. A measure published before there were verdicts says whether its rates reached them.
SELECT
    i.date_mesure,
    i.finess_et,
    e.raison_sociale,
    i.indicateur,
    i.numerateur,
    i.denominateur,
    i.taux,
    i.cible,
    i.reste_a_faire,
    i.statut,
    i.taux_plancher,
    i.verdict
FROM indicateurs AS i
LEFT JOIN essms_mesures AS e ON e.date_mesure = i.date_mesure AND e.finess_et = i.finess_et
WHERE
    i.porteur = un_porteur
    AND i.opposable
    AND COALESCE(i.verdict NOT IN ('atteint', 'sans_objet'), NOT COALESCE(i.atteint, FALSE))
    AND i.date_mesure = COALESCE(CAST(jour AS DATE), (SELECT MAX(date_mesure) FROM indicateurs))
ORDER BY i.reste_a_faire NULLS LAST, i.finess_et, i.indicateur
