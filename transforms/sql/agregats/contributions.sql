-- §7 porteurs, territoires: "sums of numerators and denominators, rates of the sums, number of ESSMS calculated / at
-- target / to confirm." What each ESSMS brings to the sums of its window: its figures where it is counted
-- (comptes.sql), nothing elsewhere. Its persons are those of its file active, the denominator of `dossiers_actifs`.
SELECT
    i.date_mesure,
    i.finess_et,
    i.debut_fenetre,
    i.fin_fenetre,
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
    c.finess_et IS NOT NULL AS calcule,
    c.numerateur,
    c.denominateur,
    CASE WHEN c.finess_et IS NOT NULL THEN f.denominateur END AS personnes,
    COALESCE(c.partiel, FALSE) AS partiel,
    i.verdict = 'atteint' AS atteint,
    i.verdict = 'a_confirmer' AS a_confirmer
FROM indicateurs AS i
INNER JOIN essms AS e ON e.finess_et = i.finess_et
LEFT JOIN comptes AS c
    ON c.date_mesure = i.date_mesure AND c.finess_et = i.finess_et AND c.indicateur = i.indicateur
LEFT JOIN indicateurs AS f
    ON f.date_mesure = i.date_mesure AND f.finess_et = i.finess_et AND f.indicateur = 'dossiers_actifs'
LEFT JOIN departements AS d ON d.departement = e.departement
