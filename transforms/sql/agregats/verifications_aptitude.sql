-- §6.6 "Vérification d'aptitude (SONS, version upgrades only): per entité juridique and ESSMS: the three DUI rates supplied and
-- not zero: pret or bloque with the reason." absents, nuls: the indicators that block, separated by spaces.
WITH taux_dui AS (
    SELECT
        e.date_mesure,
        e.finess_et,
        n.indicateur,
        i.taux
    FROM essms AS e
    CROSS JOIN (VALUES ('dossiers_actifs'), ('projet_personnalise'), ('agenda')) AS n (indicateur)
    LEFT JOIN indicateurs AS i
        ON i.date_mesure = e.date_mesure AND i.finess_et = e.finess_et AND i.indicateur = n.indicateur
    WHERE e.type = 'montee_de_version'
),

bilans AS (
    SELECT
        date_mesure,
        finess_et,
        STRING_AGG(CASE WHEN taux IS NULL THEN indicateur END, ' ') AS absents,
        STRING_AGG(CASE WHEN taux = 0 THEN indicateur END, ' ') AS nuls
    FROM taux_dui
    GROUP BY date_mesure, finess_et
)

SELECT
    b.date_mesure,
    e.finess_ej,
    b.finess_et,
    e.porteur,
    e.projet,
    CASE WHEN b.absents IS NULL AND b.nuls IS NULL THEN 'pret' ELSE 'bloque' END AS etat,
    b.absents,
    b.nuls
FROM bilans AS b
INNER JOIN essms AS e ON e.date_mesure = b.date_mesure AND e.finess_et = b.finess_et
