-- §7 "financement stays, its solde_du following §6.6": the projects of each porteur together. solde_du: the balance of every one
-- of them is exigible. usage and equipement: the forfaits of its ESSMS that have one. Of a project that ESSMS of another
-- porteur are in too, nobody knows whose the balance is.
WITH lignes AS (
    SELECT
        e.date_mesure,
        e.porteur,
        e.projet,
        MIN(e.nom_porteur) AS nom_porteur,
        COUNT(DISTINCT e.finess_et) AS nb_essms,
        COUNT(DISTINCT CASE WHEN e.type = 'acquisition' THEN e.finess_et END) AS nb_acquisition,
        COUNT(DISTINCT CASE WHEN e.type = 'montee_de_version' THEN e.finess_et END) AS nb_montee_de_version,
        COUNT(DISTINCT CASE WHEN e.type IS NULL THEN e.finess_et END) AS nb_sans_type,
        COUNT(DISTINCT CASE WHEN v.a_la_cible THEN e.finess_et END) AS nb_a_la_cible,
        ROUND(COALESCE(SUM(CASE WHEN f.nature = 'usage' THEN f.montant END), 0), 2) AS montant_usage,
        ROUND(COALESCE(SUM(f.montant), 0), 2) AS montant_total
    FROM essms AS e
    INNER JOIN verdicts_essms AS v ON v.date_mesure = e.date_mesure AND v.finess_et = e.finess_et
    LEFT JOIN forfaits_essms AS f ON f.date_mesure = e.date_mesure AND f.finess_et = e.finess_et
    GROUP BY e.date_mesure, e.porteur, e.projet
)

SELECT
    l.date_mesure,
    l.porteur,
    MIN(l.nom_porteur) AS nom_porteur,
    CAST(SUM(l.nb_essms) AS BIGINT) AS nb_essms,
    CAST(SUM(l.nb_acquisition) AS BIGINT) AS nb_acquisition,
    CAST(SUM(l.nb_montee_de_version) AS BIGINT) AS nb_montee_de_version,
    CAST(SUM(l.nb_sans_type) AS BIGINT) AS nb_sans_type,
    CAST(SUM(l.montant_usage) AS DECIMAL(14, 2)) AS montant_usage,
    CAST(SUM(l.montant_total - l.montant_usage) AS DECIMAL(14, 2)) AS montant_equipement,
    CAST(SUM(l.montant_total) AS DECIMAL(14, 2)) AS montant_total,
    CASE WHEN COUNT(c.avance) = COUNT(*) THEN CAST(SUM(c.avance) AS DECIMAL(14, 2)) END AS avance,
    CASE WHEN COUNT(c.solde) = COUNT(*) THEN CAST(SUM(c.solde) AS DECIMAL(14, 2)) END AS solde,
    CAST(SUM(l.nb_a_la_cible) AS BIGINT) AS nb_a_la_cible,
    CAST(SUM(l.nb_essms) - SUM(l.nb_a_la_cible) AS BIGINT) AS nb_manquants,
    MIN(CASE WHEN c.solde_exigible THEN 1 ELSE 0 END) = 1 AS solde_du
FROM lignes AS l
LEFT JOIN conventions AS c ON c.date_mesure = l.date_mesure AND c.projet = l.projet AND c.porteur = l.porteur
GROUP BY l.date_mesure, l.porteur
