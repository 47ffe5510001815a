-- §7 territoires "(département, région, national × sub-sector): sums of numerators and denominators, rates of the sums,
-- number of ESSMS calculated / at target; national row with dossiers actifs against the programme's 410 000." Before the
-- small counts are hidden (§8, transforms/suppression.py).
WITH par_secteur AS (
    SELECT
        date_mesure, departement, nom_departement, code_region, nom_region, sous_secteur, indicateur,
        calcule, partiel, numerateur, denominateur, cible, atteint
    FROM contributions
    UNION ALL
    SELECT
        date_mesure, departement, nom_departement, code_region, nom_region, 'TOUS', indicateur,
        calcule, partiel, numerateur, denominateur, cible, atteint
    FROM contributions
),

par_territoire AS (
    SELECT
        date_mesure, 'departement' AS niveau, departement AS code, nom_departement AS nom, code_region,
        sous_secteur, indicateur,
        calcule, partiel, numerateur, denominateur, cible, atteint
    FROM par_secteur
    UNION ALL
    SELECT
        date_mesure, 'region', code_region, nom_region, code_region, sous_secteur, indicateur,  -- noqa: AL08
        calcule, partiel, numerateur, denominateur, cible, atteint
    FROM par_secteur
    UNION ALL
    SELECT
        date_mesure, 'national', 'FR', 'France', CAST(NULL AS VARCHAR), sous_secteur, indicateur,
        calcule, partiel, numerateur, denominateur, cible, atteint
    FROM par_secteur
),

sommes AS (
    SELECT
        date_mesure,
        niveau,
        code,
        MIN(nom) AS nom,
        MIN(code_region) AS code_region,
        sous_secteur,
        indicateur,
        CAST(COUNT(*) AS BIGINT) AS nb_essms,
        CAST(SUM(CASE WHEN calcule THEN 1 ELSE 0 END) AS BIGINT) AS nb_calcules,
        CAST(SUM(CASE WHEN partiel THEN 1 ELSE 0 END) AS BIGINT) AS nb_partiels,
        CAST(SUM(numerateur) AS BIGINT) AS numerateur,
        CAST(SUM(denominateur) AS BIGINT) AS denominateur,
        CASE WHEN MIN(cible) = MAX(cible) AND COUNT(cible) = COUNT(*) THEN MIN(cible) END AS cible,
        CASE WHEN COUNT(cible) > 0 THEN CAST(SUM(CASE WHEN atteint THEN 1 ELSE 0 END) AS BIGINT) END AS nb_atteints
    FROM par_territoire
    GROUP BY date_mesure, niveau, code, sous_secteur, indicateur
)

SELECT
    s.date_mesure,
    s.niveau,
    s.code,
    s.nom,
    s.code_region,
    s.sous_secteur,
    s.indicateur,
    s.nb_essms,
    s.nb_calcules,
    s.nb_partiels,
    s.numerateur,
    s.denominateur,
    100 * CAST(s.numerateur AS DOUBLE) / NULLIF(CAST(s.denominateur AS DOUBLE), 0) AS taux,
    s.cible,
    s.nb_atteints,
    o.objectif,
    100 * CAST(s.numerateur AS DOUBLE) / CAST(o.objectif AS DOUBLE) AS part_objectif
FROM sommes AS s
LEFT JOIN objectifs AS o
    ON o.indicateur = s.indicateur AND s.niveau = 'national' AND s.sous_secteur = 'TOUS'
