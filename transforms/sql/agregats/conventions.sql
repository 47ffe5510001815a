-- §6.6 "solde_exigible is true when cibles_usage is remplie, service_regulier remplie or sans_objet, and solde_payable > 0."
-- "date_cibles_atteintes: the first published measure date at which cibles_usage is remplie (a date measured again counts as
-- it stands now)": of the dates up to this one, so that a measure says the same whatever is measured after it.
-- "Calendar: delai_indicatif_mois 18 for an acquisition, 9 for a version upgrade (the longest of the project; null for portee
-- national), mois_ecoules since date_debut_projet (else date_convention), echeance_indicative".
WITH etats AS (
    SELECT
        date_mesure,
        projet,
        MAX(CASE WHEN condition = 'cibles_usage' THEN etat END) AS cibles_usage,
        MAX(CASE WHEN condition = 'service_regulier' THEN etat END) AS service_regulier
    FROM conditions_solde
    GROUP BY date_mesure, projet
),

atteintes AS (
    SELECT
        date_mesure,
        projet
    FROM atteintes_publiees
    UNION ALL
    SELECT
        date_mesure,
        projet
    FROM etats
    WHERE cibles_usage = 'remplie'
),

premieres AS (
    SELECT
        e.date_mesure,
        e.projet,
        MIN(a.date_mesure) AS date_cibles_atteintes
    FROM etats AS e
    INNER JOIN atteintes AS a ON a.projet = e.projet AND a.date_mesure <= e.date_mesure
    GROUP BY e.date_mesure, e.projet
),

calendriers AS (
    SELECT
        date_mesure,
        projet,
        COALESCE(date_debut_projet, date_convention) AS debut,
        CASE
            WHEN portee = 'national' THEN NULL
            WHEN nb_acquisition > 0 THEN 18
            WHEN nb_montee_de_version > 0 THEN 9
        END AS delai
    FROM projets_mesures
)

SELECT
    p.date_mesure,
    p.projet,
    p.porteur,
    p.regles,
    p.type,
    p.portee,
    CAST(p.nb_essms AS BIGINT) AS nb_essms,
    CAST(p.nb_a_la_cible AS BIGINT) AS nb_essms_a_la_cible,
    CAST(p.nb_a_confirmer AS BIGINT) AS nb_essms_a_confirmer,
    p.montant_theorique,
    p.montant_accorde,
    s.avance,
    s.solde,
    s.depenses_justifiees,
    s.solde_payable,
    e.cibles_usage = 'remplie'
    AND e.service_regulier IN ('remplie', 'sans_objet')
    AND COALESCE(s.solde_payable > 0, FALSE) AS solde_exigible,
    p.date_convention,
    p.date_debut_projet,
    p.date_vsr,
    CAST(c.delai AS BIGINT) AS delai_indicatif_mois,
    CASE WHEN c.debut > p.date_mesure THEN 0 ELSE CAST(mois_entre(c.debut, p.date_mesure) AS BIGINT) END AS mois_ecoules,
    mois_avant(c.debut, -c.delai) AS echeance_indicative,
    r.date_cibles_atteintes
FROM projets_mesures AS p
INNER JOIN soldes AS s ON s.date_mesure = p.date_mesure AND s.projet = p.projet
INNER JOIN etats AS e ON e.date_mesure = p.date_mesure AND e.projet = p.projet
INNER JOIN calendriers AS c ON c.date_mesure = p.date_mesure AND c.projet = p.projet
LEFT JOIN premieres AS r ON r.date_mesure = p.date_mesure AND r.projet = p.projet
