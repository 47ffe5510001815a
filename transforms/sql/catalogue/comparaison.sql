-- One ESSMS beside those of its sub-sector in its région, itself included.
SELECT
    t.date_mesure,
    t.indicateur,
    t.taux,
    t.cible,
    t.region,
    t.sous_secteur,
    MEDIAN(c.taux) AS mediane,
    COUNT(c.taux) AS nb_compares,
    1 + COUNT(*) FILTER (WHERE c.taux > t.taux) AS rang
FROM (
    SELECT i.date_mesure, i.indicateur, i.taux, i.cible, m.region, m.sous_secteur
    FROM indicateurs AS i
    INNER JOIN maturin_sms AS m ON m.date_mesure = i.date_mesure AND m.finess_et = i.finess_et
    WHERE
        i.finess_et = UPPER(finess)
        AND i.taux IS NOT NULL
        AND i.date_mesure = COALESCE(CAST(jour AS DATE), (SELECT MAX(date_mesure) FROM indicateurs))
) AS t
INNER JOIN (
    SELECT i.date_mesure, i.indicateur, i.taux, m.region, m.sous_secteur
    FROM indicateurs AS i
    INNER JOIN maturin_sms AS m ON m.date_mesure = i.date_mesure AND m.finess_et = i.finess_et
    WHERE i.taux IS NOT NULL
) AS c
    ON
        c.date_mesure = t.date_mesure
        AND c.indicateur = t.indicateur
        AND c.region IS NOT DISTINCT FROM t.region
        AND c.sous_secteur IS NOT DISTINCT FROM t.sous_secteur
GROUP BY ALL
ORDER BY t.indicateur
