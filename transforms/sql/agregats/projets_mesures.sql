-- §6.6 "A project is the rows of one projet valid at D": what is common to its ESSMS, counted and summed.
-- "montant_theorique is their sum"; "An ESSMS without type, or a row set aside that names the project, makes
-- montant_theorique null" (incertains: the projects that such a row names), as a type that its rule set has no forfait of does.
WITH montants AS (
    SELECT
        date_mesure,
        projet,
        COUNT(DISTINCT finess_et) AS nb_avec_forfait,
        SUM(montant) AS somme
    FROM forfaits_essms
    GROUP BY date_mesure, projet
),

projets AS (
    SELECT
        e.date_mesure,
        e.projet,
        CASE WHEN COUNT(DISTINCT e.porteur) = 1 THEN MIN(e.porteur) END AS porteur,
        CASE WHEN COUNT(DISTINCT e.regles) = 1 THEN MIN(e.regles) END AS regles,
        STRING_AGG(DISTINCT t.texte, ' ; ' ORDER BY t.texte) AS textes,
        CASE WHEN COUNT(DISTINCT COALESCE(e.type, '')) = 1 THEN MIN(e.type) END AS type,
        MIN(e.portee) AS portee,
        COUNT(*) AS nb_essms,
        SUM(CASE WHEN e.type IS NULL THEN 1 ELSE 0 END) AS nb_sans_type,
        SUM(CASE WHEN e.type = 'acquisition' THEN 1 ELSE 0 END) AS nb_acquisition,
        SUM(CASE WHEN e.type = 'montee_de_version' THEN 1 ELSE 0 END) AS nb_montee_de_version,
        SUM(CASE WHEN v.a_la_cible THEN 1 ELSE 0 END) AS nb_a_la_cible,
        SUM(CASE WHEN v.a_confirmer THEN 1 ELSE 0 END) AS nb_a_confirmer,
        SUM(v.nb_atteints) AS nb_atteints,
        MIN(e.date_convention) AS date_convention,
        MIN(e.date_debut_projet) AS date_debut_projet,
        MIN(e.date_vsr) AS date_vsr,
        MIN(e.montant_accorde) AS montant_accorde
    FROM essms AS e
    INNER JOIN verdicts_essms AS v ON v.date_mesure = e.date_mesure AND v.finess_et = e.finess_et
    LEFT JOIN textes AS t ON t.regles = e.regles
    GROUP BY e.date_mesure, e.projet
)

SELECT
    p.date_mesure,
    p.projet,
    p.porteur,
    p.regles,
    p.textes,
    p.type,
    p.portee,
    p.nb_essms,
    p.nb_sans_type,
    p.nb_acquisition,
    p.nb_montee_de_version,
    p.nb_a_la_cible,
    p.nb_a_confirmer,
    p.nb_atteints,
    p.date_convention,
    p.date_debut_projet,
    p.date_vsr,
    p.montant_accorde,
    i.projet IS NOT NULL AS incertain,
    p.nb_essms - p.nb_sans_type - COALESCE(m.nb_avec_forfait, 0) AS nb_sans_forfait,
    CASE
        WHEN i.projet IS NULL AND m.nb_avec_forfait = p.nb_essms
            THEN CAST(ROUND(m.somme, 2) AS DECIMAL(14, 2))
    END AS montant_theorique
FROM projets AS p
LEFT JOIN montants AS m ON m.date_mesure = p.date_mesure AND m.projet = p.projet
LEFT JOIN incertains AS i ON i.date_mesure = p.date_mesure AND i.projet = p.projet
