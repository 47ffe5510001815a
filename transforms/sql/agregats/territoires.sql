-- §7 territoires "(département, région, national × sub-sector): sums of numerators and denominators, rates of the sums,
-- number of ESSMS calculated / at target / to confirm. Only ESSMS of one window are added: one row per (`debut_fenetre`,
-- `fin_fenetre`). National row with dossiers actifs against the programme's 410 000, all windows added and said so, and its
-- perimeter (the agencies of this data root)." That row has no window and no rate: files actives of several windows are no
-- denominator.
WITH niveaux AS (
    SELECT 'departement' AS niveau
    UNION ALL
    SELECT 'region' AS niveau
    UNION ALL
    SELECT 'national' AS niveau
),

etendues AS (
    SELECT FALSE AS tous
    UNION ALL
    SELECT TRUE AS tous
),

places AS (
    SELECT
        c.date_mesure, n.niveau, c.indicateur, c.calcule, c.partiel, c.numerateur, c.personnes, c.cible, c.atteint,
        c.a_confirmer, c.nom_region,
        CASE n.niveau WHEN 'departement' THEN c.departement WHEN 'region' THEN c.code_region ELSE 'FR' END AS code,
        CASE n.niveau WHEN 'departement' THEN c.nom_departement WHEN 'region' THEN c.nom_region ELSE 'France' END AS nom,
        CASE WHEN n.niveau <> 'national' THEN c.code_region END AS code_region,
        CASE WHEN s.tous THEN 'TOUS' ELSE c.sous_secteur END AS sous_secteur,
        CASE WHEN NOT f.tous THEN c.debut_fenetre END AS debut_fenetre,
        CASE WHEN NOT f.tous THEN c.fin_fenetre END AS fin_fenetre,
        CASE WHEN NOT f.tous THEN c.denominateur END AS denominateur,
        CASE WHEN f.tous THEN o.objectif END AS objectif
    FROM contributions AS c
    CROSS JOIN niveaux AS n
    CROSS JOIN etendues AS s
    CROSS JOIN etendues AS f
    LEFT JOIN objectifs AS o ON o.indicateur = c.indicateur AND n.niveau = 'national' AND s.tous
    WHERE NOT f.tous OR o.objectif IS NOT NULL
),

perimetres AS (
    SELECT
        date_mesure,
        STRING_AGG(nom_region, ', ' ORDER BY nom_region) AS perimetre
    FROM (SELECT DISTINCT date_mesure, nom_region FROM contributions) AS regions
    GROUP BY date_mesure
),

sommes AS (
    SELECT
        date_mesure,
        niveau,
        code,
        MIN(nom) AS nom,
        MIN(code_region) AS code_region,
        sous_secteur,
        debut_fenetre,
        fin_fenetre,
        indicateur,
        CAST(COUNT(*) AS BIGINT) AS nb_essms,
        CAST(SUM(CASE WHEN calcule THEN 1 ELSE 0 END) AS BIGINT) AS nb_calcules,
        CAST(SUM(CASE WHEN partiel THEN 1 ELSE 0 END) AS BIGINT) AS nb_partiels,
        CAST(SUM(numerateur) AS BIGINT) AS numerateur,
        CAST(SUM(denominateur) AS BIGINT) AS denominateur,
        CAST(SUM(personnes) AS BIGINT) AS nb_personnes,
        CASE WHEN MIN(cible) = MAX(cible) AND COUNT(cible) = COUNT(*) THEN MIN(cible) END AS cible,
        CASE WHEN COUNT(cible) > 0 THEN CAST(SUM(CAST(atteint AS INTEGER)) AS BIGINT) END AS nb_atteints,
        CASE WHEN COUNT(cible) > 0 THEN CAST(SUM(CAST(a_confirmer AS INTEGER)) AS BIGINT) END AS nb_a_confirmer,
        MIN(objectif) AS objectif
    FROM places
    GROUP BY date_mesure, niveau, code, sous_secteur, debut_fenetre, fin_fenetre, indicateur
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
    FALSE AS masque,
    s.nb_calcules,
    s.nb_partiels,
    s.numerateur,
    s.denominateur,
    100 * CAST(s.numerateur AS DOUBLE) / NULLIF(CAST(s.denominateur AS DOUBLE), 0) AS taux,
    s.cible,
    s.nb_atteints,
    s.objectif,
    100 * CAST(s.numerateur AS DOUBLE) / CAST(s.objectif AS DOUBLE) AS part_objectif,
    s.debut_fenetre,
    s.fin_fenetre,
    s.nb_personnes,
    s.nb_a_confirmer,
    CASE WHEN s.objectif IS NOT NULL THEN p.perimetre END AS perimetre
FROM sommes AS s
INNER JOIN perimetres AS p ON p.date_mesure = s.date_mesure
