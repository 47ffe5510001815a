-- Issue 13: "a curve over time … offers the constant panel." A curve links the sums of windows of the same length, of a
-- porteur or of all ('' as `porteur`). Its constant panel for an indicator: the ESSMS counted (comptes.sql) at all the
-- dates where the curve has a point. A row per date and indicator of each curve, `nb_calcules` 0 where the panel is empty.
WITH mesures AS (
    SELECT
        i.porteur,
        i.date_mesure,
        i.debut_fenetre,
        CAST(
            12 * (EXTRACT(YEAR FROM i.date_mesure) - EXTRACT(YEAR FROM i.debut_fenetre))
            + EXTRACT(MONTH FROM i.date_mesure) - EXTRACT(MONTH FROM i.debut_fenetre) AS BIGINT
        ) AS mois,
        i.finess_et,
        i.indicateur,
        c.finess_et IS NOT NULL AS compte,
        c.numerateur,
        c.denominateur
    FROM indicateurs AS i
    LEFT JOIN comptes AS c
        ON c.date_mesure = i.date_mesure AND c.finess_et = i.finess_et AND c.indicateur = i.indicateur
),

courbes AS (
    SELECT porteur, date_mesure, debut_fenetre, mois, finess_et, indicateur, compte, numerateur, denominateur
    FROM mesures
    UNION ALL
    SELECT '', date_mesure, debut_fenetre, mois, finess_et, indicateur, compte, numerateur, denominateur  -- noqa: AL08
    FROM mesures
),

longueurs AS (
    SELECT porteur, mois, indicateur, COUNT(DISTINCT date_mesure) AS nb_dates
    FROM courbes
    WHERE compte
    GROUP BY porteur, mois, indicateur
),

constants AS (
    SELECT c.porteur, c.mois, c.indicateur, c.finess_et
    FROM courbes AS c
    INNER JOIN longueurs AS l ON l.porteur = c.porteur AND l.mois = c.mois AND l.indicateur = c.indicateur
    WHERE c.compte
    GROUP BY c.porteur, c.mois, c.indicateur, c.finess_et
    HAVING COUNT(*) = MAX(l.nb_dates)
),

sommes AS (
    SELECT
        c.porteur,
        c.date_mesure,
        c.debut_fenetre,
        c.mois,
        c.indicateur,
        COUNT(CASE WHEN c.compte THEN k.finess_et END) AS nb_calcules,
        SUM(CASE WHEN k.finess_et IS NOT NULL THEN c.numerateur END) AS numerateur,
        SUM(CASE WHEN k.finess_et IS NOT NULL THEN c.denominateur END) AS denominateur
    FROM courbes AS c
    LEFT JOIN constants AS k
        ON
            k.porteur = c.porteur
            AND k.mois = c.mois
            AND k.indicateur = c.indicateur
            AND k.finess_et = c.finess_et
    GROUP BY c.porteur, c.date_mesure, c.debut_fenetre, c.mois, c.indicateur
)

SELECT
    porteur,
    date_mesure,
    debut_fenetre,
    mois,
    indicateur,
    CAST(nb_calcules AS BIGINT) AS nb_calcules,
    CAST(numerateur AS BIGINT) AS numerateur,
    CAST(denominateur AS BIGINT) AS denominateur,
    100 * CAST(numerateur AS DOUBLE) / NULLIF(CAST(denominateur AS DOUBLE), 0) AS taux
FROM sommes
