-- §7, evolution: for each ESSMS and indicator, over all published measure dates, the latest measure, the one before it,
-- the change in points, the first date at target, and since when it has been there without a break. At target: the verdict
-- is atteint; a measure published before there were verdicts has no doubt when its statut is calcule.
WITH mesures AS (
    SELECT
        finess_et,
        porteur,
        indicateur,
        date_mesure,
        taux,
        atteint,
        CASE
            WHEN verdict IS NULL THEN opposable AND COALESCE(atteint, FALSE) AND statut = 'calcule'
            ELSE verdict = 'atteint'
        END AS a_la_cible
    FROM historique
),

dates AS (
    SELECT
        finess_et,
        indicateur,
        MAX(date_mesure) AS derniere,
        COUNT(*) AS nb_mesures,
        MIN(CASE WHEN a_la_cible THEN date_mesure END) AS premiere_date_atteinte,
        MAX(CASE WHEN a_la_cible THEN NULL ELSE date_mesure END) AS dernier_manque
    FROM mesures
    GROUP BY finess_et, indicateur
),

suite AS (
    SELECT
        h.finess_et,
        h.indicateur,
        MAX(CASE WHEN h.date_mesure < d.derniere THEN h.date_mesure END) AS date_precedente,
        MIN(CASE WHEN d.dernier_manque IS NULL OR h.date_mesure > d.dernier_manque THEN h.date_mesure END)
            AS atteint_depuis
    FROM mesures AS h
    INNER JOIN dates AS d ON d.finess_et = h.finess_et AND d.indicateur = h.indicateur
    GROUP BY h.finess_et, h.indicateur
)

SELECT
    d.finess_et,
    h.porteur,
    d.indicateur,
    d.derniere AS date_mesure,
    h.taux,
    h.atteint,
    s.date_precedente,
    p.taux AS taux_precedent,
    h.taux - p.taux AS variation_points,
    d.premiere_date_atteinte,
    s.atteint_depuis,
    CAST(d.nb_mesures AS BIGINT) AS nb_mesures
FROM dates AS d
INNER JOIN suite AS s ON s.finess_et = d.finess_et AND s.indicateur = d.indicateur
INNER JOIN mesures AS h
    ON h.finess_et = d.finess_et AND h.indicateur = d.indicateur AND h.date_mesure = d.derniere
LEFT JOIN mesures AS p
    ON p.finess_et = d.finess_et AND p.indicateur = d.indicateur AND p.date_mesure = s.date_precedente
