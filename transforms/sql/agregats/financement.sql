-- §7 "financement stays, its solde_du following §6.6": the projects of each porteur, summed. solde_du: the balance of every
-- one of them is exigible. The amounts of usage and equipment are those of the ESSMS that have one.
WITH projets AS (
    SELECT
        p.date_mesure,
        p.porteur,
        SUM(p.montant_usage) AS montant_usage,
        SUM(p.montant_forfaits) AS montant_forfaits,
        SUM(p.nb_essms) AS nb_essms,
        SUM(p.nb_acquisition) AS nb_acquisition,
        SUM(p.nb_montee_de_version) AS nb_montee_de_version,
        SUM(p.nb_sans_type) AS nb_sans_type,
        SUM(p.nb_a_la_cible) AS nb_a_la_cible,
        CASE WHEN COUNT(c.avance) = COUNT(*) THEN SUM(c.avance) END AS avance,
        CASE WHEN COUNT(c.solde) = COUNT(*) THEN SUM(c.solde) END AS solde,
        MIN(CASE WHEN c.solde_exigible THEN 1 ELSE 0 END) AS solde_du
    FROM projets_mesures AS p
    INNER JOIN conventions AS c ON c.date_mesure = p.date_mesure AND c.projet = p.projet
    GROUP BY p.date_mesure, p.porteur
),

noms AS (
    SELECT
        date_mesure,
        porteur,
        MIN(nom_porteur) AS nom_porteur
    FROM essms
    GROUP BY date_mesure, porteur
)

SELECT
    p.date_mesure,
    p.porteur,
    n.nom_porteur,
    CAST(p.nb_essms AS BIGINT) AS nb_essms,
    CAST(p.nb_acquisition AS BIGINT) AS nb_acquisition,
    CAST(p.nb_montee_de_version AS BIGINT) AS nb_montee_de_version,
    CAST(p.nb_sans_type AS BIGINT) AS nb_sans_type,
    CAST(p.montant_usage AS DECIMAL(14, 2)) AS montant_usage,
    CAST(p.montant_forfaits - p.montant_usage AS DECIMAL(14, 2)) AS montant_equipement,
    CAST(p.montant_forfaits AS DECIMAL(14, 2)) AS montant_total,
    CAST(p.avance AS DECIMAL(14, 2)) AS avance,
    CAST(p.solde AS DECIMAL(14, 2)) AS solde,
    CAST(p.nb_a_la_cible AS BIGINT) AS nb_a_la_cible,
    CAST(p.nb_essms - p.nb_a_la_cible AS BIGINT) AS nb_manquants,
    p.solde_du = 1 AS solde_du
FROM projets AS p
INNER JOIN noms AS n ON n.date_mesure = p.date_mesure AND n.porteur = p.porteur
