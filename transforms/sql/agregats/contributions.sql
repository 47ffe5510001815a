-- §7 porteurs, territoires: "sums of numerators and denominators, rates of the sums." What each ESSMS brings to a sum:
-- its figures where its rate can be computed, nothing elsewhere, so that a sum never sets a numerator against the
-- denominator of others. An indicator without a denominator counts where its numerator is known.
SELECT
    i.date_mesure,
    i.finess_et,
    e.porteur,
    e.nom_porteur,
    COALESCE(e.sous_secteur, 'INCONNU') AS sous_secteur,
    e.departement,
    COALESCE(d.nom, e.departement) AS nom_departement,
    COALESCE(d.code_region, '?') AS code_region,
    COALESCE(d.region, 'Région inconnue') AS nom_region,
    i.indicateur,
    i.cible,
    i.opposable,
    c.calcule,
    CASE WHEN c.calcule THEN i.numerateur END AS numerateur,
    CASE WHEN c.calcule THEN i.denominateur END AS denominateur,
    c.calcule AND i.statut = 'source_partielle' AS partiel,
    c.calcule AND COALESCE(i.atteint, FALSE) AS atteint
FROM indicateurs AS i
INNER JOIN (
    SELECT
        date_mesure,
        finess_et,
        indicateur,
        taux IS NOT NULL OR (statut IN ('calcule', 'source_partielle') AND denominateur IS NULL) AS calcule
    FROM indicateurs
) AS c ON c.date_mesure = i.date_mesure AND c.finess_et = i.finess_et AND c.indicateur = i.indicateur
INNER JOIN essms AS e ON e.finess_et = i.finess_et
LEFT JOIN departements AS d ON d.departement = e.departement
