-- §7, evolution: for each ESSMS and indicator, over all published measure dates, the latest measure, the one before it,
-- the change in points, the first date at target, and since when it has been there without a break.
WITH suite AS (
    SELECT
        finess_et,
        indicateur,
        date_mesure,
        porteur,
        taux,
        atteint,
        LAG(date_mesure) OVER (PARTITION BY finess_et, indicateur ORDER BY date_mesure) AS date_precedente,
        LAG(taux) OVER (PARTITION BY finess_et, indicateur ORDER BY date_mesure) AS taux_precedent,
        ROW_NUMBER() OVER (PARTITION BY finess_et, indicateur ORDER BY date_mesure DESC) AS rang,
        MAX(CASE WHEN COALESCE(atteint, FALSE) THEN NULL ELSE date_mesure END)
            OVER (PARTITION BY finess_et, indicateur) AS dernier_manque
    FROM historique
),

dates AS (
    SELECT
        finess_et,
        indicateur,
        COUNT(*) AS nb_mesures,
        MIN(CASE WHEN atteint THEN date_mesure END) AS premiere_date_atteinte,
        MIN(CASE WHEN dernier_manque IS NULL OR date_mesure > dernier_manque THEN date_mesure END) AS atteint_depuis
    FROM suite
    GROUP BY finess_et, indicateur
)

SELECT
    s.finess_et,
    s.porteur,
    s.indicateur,
    s.date_mesure,
    s.taux,
    s.atteint,
    s.date_precedente,
    s.taux_precedent,
    s.taux - s.taux_precedent AS variation_points,
    d.premiere_date_atteinte,
    d.atteint_depuis,
    CAST(d.nb_mesures AS BIGINT) AS nb_mesures
FROM suite AS s
INNER JOIN dates AS d ON d.finess_et = s.finess_et AND d.indicateur = s.indicateur
WHERE s.rang = 1
