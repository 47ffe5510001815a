-- Where each ESSMS stands on its targets at one measure date.
SELECT
    i.porteur,
    i.finess_et,
    e.raison_sociale,
    e.sous_secteur,
    i.indicateur,
    i.numerateur,
    i.denominateur,
    i.taux,
    i.cible,
    i.opposable,
    i.atteint,
    i.reste_a_faire,
    i.statut,
    i.taux_plancher,
    i.verdict
FROM indicateurs AS i
LEFT JOIN essms_mesures AS e ON e.date_mesure = i.date_mesure AND e.finess_et = i.finess_et
WHERE i.date_mesure = CAST(jour AS DATE) AND i.cible IS NOT NULL
ORDER BY i.porteur, i.finess_et, i.indicateur
