-- The forfait of each porteur [I-2023 annexe 5, AAP-2025], with the amounts of transforms/regles/financement.toml: "usage
-- 7 k€ per ESSMS up to the 49th then 2 k€ for an acquisition, 5 k€ then 2 k€ for a version upgrade; equipment 14 k€ then
-- 3 k€ for an acquisition; scaled by part_medico_sociale; advance and balance 50 % each."
-- Where the amounts of a porteur's ESSMS differ, the texts do not say which are the first 49: those whose full amount
-- gains most over the reduced one, then by FINESS; usage and equipment each on their own. So the forfait is the highest
-- the texts allow, whatever the order of projets.csv. Without part_medico_sociale an ESSMS counts whole.
-- "balance due: all opposable targets of every ESSMS reached": a rate that is not known is not reached.
WITH parts AS (
    SELECT
        e.porteur,
        f.nature,
        f.rang_max,
        f.montant_plein * CAST(COALESCE(e.part_medico_sociale, 1) AS DECIMAL(7, 6)) AS plein,
        f.montant_reduit * CAST(COALESCE(e.part_medico_sociale, 1) AS DECIMAL(7, 6)) AS reduit,
        ROW_NUMBER() OVER (
            PARTITION BY e.porteur, f.nature
            ORDER BY
                (f.montant_plein - f.montant_reduit) * CAST(COALESCE(e.part_medico_sociale, 1) AS DECIMAL(7, 6)) DESC,
                e.finess_et
        ) AS rang
    FROM essms AS e
    INNER JOIN forfaits AS f ON f.type = e.type
),

montants AS (
    SELECT
        porteur,
        CAST(
            ROUND(SUM(CASE WHEN nature = 'usage' THEN CASE WHEN rang <= rang_max THEN plein ELSE reduit END END), 2)
            AS DECIMAL(14, 2)
        ) AS usage_,
        CAST(
            ROUND(SUM(CASE WHEN nature = 'equipement' THEN CASE WHEN rang <= rang_max THEN plein ELSE reduit END END), 2)
            AS DECIMAL(14, 2)
        ) AS equipement
    FROM parts
    GROUP BY porteur
),

projets AS (
    SELECT
        porteur,
        MIN(nom_porteur) AS nom_porteur,
        COUNT(*) AS nb_essms,
        SUM(CASE WHEN type = 'acquisition' THEN 1 ELSE 0 END) AS nb_acquisition,
        SUM(CASE WHEN type = 'montee_de_version' THEN 1 ELSE 0 END) AS nb_montee_de_version,
        SUM(CASE WHEN type IS NULL THEN 1 ELSE 0 END) AS nb_sans_type
    FROM essms
    GROUP BY porteur
),

cibles_par_essms AS (
    SELECT
        date_mesure,
        finess_et,
        MIN(CASE WHEN opposable AND NOT COALESCE(atteint, FALSE) THEN 0 ELSE 1 END) AS a_la_cible
    FROM indicateurs
    GROUP BY date_mesure, finess_et
),

cibles AS (
    SELECT
        c.date_mesure,
        e.porteur,
        SUM(c.a_la_cible) AS nb_a_la_cible,
        COUNT(*) - SUM(c.a_la_cible) AS nb_manquants
    FROM cibles_par_essms AS c
    INNER JOIN essms AS e ON e.finess_et = c.finess_et
    GROUP BY c.date_mesure, e.porteur
),

totaux AS (
    SELECT
        p.porteur,
        CAST(COALESCE(m.usage_, 0) AS DECIMAL(14, 2)) AS montant_usage,
        CAST(COALESCE(m.equipement, 0) AS DECIMAL(14, 2)) AS montant_equipement,
        CAST(COALESCE(m.usage_, 0) + COALESCE(m.equipement, 0) AS DECIMAL(14, 2)) AS montant_total,
        CAST(ROUND((COALESCE(m.usage_, 0) + COALESCE(m.equipement, 0)) * v.part_avance, 2) AS DECIMAL(14, 2)) AS avance
    FROM projets AS p
    CROSS JOIN versements AS v
    LEFT JOIN montants AS m ON m.porteur = p.porteur
)

SELECT
    c.date_mesure,
    p.porteur,
    p.nom_porteur,
    CAST(p.nb_essms AS BIGINT) AS nb_essms,
    CAST(p.nb_acquisition AS BIGINT) AS nb_acquisition,
    CAST(p.nb_montee_de_version AS BIGINT) AS nb_montee_de_version,
    CAST(p.nb_sans_type AS BIGINT) AS nb_sans_type,
    t.montant_usage,
    t.montant_equipement,
    t.montant_total,
    t.avance,
    CAST(t.montant_total - t.avance AS DECIMAL(14, 2)) AS solde,
    CAST(c.nb_a_la_cible AS BIGINT) AS nb_a_la_cible,
    CAST(c.nb_manquants AS BIGINT) AS nb_manquants,
    c.nb_manquants = 0 AS solde_du
FROM projets AS p
INNER JOIN totaux AS t ON t.porteur = p.porteur
INNER JOIN cibles AS c ON c.porteur = p.porteur
