-- §6.6, conditions of the balance, with the number of ESSMS that the sentence of the state is about.
-- cibles_usage "every ESSMS of the project is à la cible and at least one verdict is atteint (sans_objet when all are à la
-- cible and none is atteint); a_confirmer when each is à la cible or à confirmer; else non_remplie"; "with a row set aside
-- cibles_usage is a_confirmer at best".
SELECT
    date_mesure,
    projet,
    'cibles_usage' AS condition,
    CASE
        WHEN nb_a_la_cible + nb_a_confirmer < nb_essms THEN 'non_remplie'
        WHEN nb_a_confirmer > 0 OR incertain THEN 'a_confirmer'
        WHEN nb_atteints = 0 THEN 'sans_objet'
        ELSE 'remplie'
    END AS etat,
    CASE
        WHEN nb_a_la_cible + nb_a_confirmer < nb_essms THEN nb_essms - nb_a_la_cible - nb_a_confirmer
        WHEN nb_a_confirmer > 0 OR incertain THEN nb_a_confirmer
        ELSE nb_essms
    END AS nb_essms
FROM projets_mesures
UNION ALL
-- service_regulier "date_vsr is not null and ≤ D; non_remplie when it is later; inconnue when null; sans_objet when all ESSMS
-- of the project are version upgrades"
SELECT
    date_mesure,
    projet,
    'service_regulier',
    CASE
        WHEN nb_montee_de_version = nb_essms THEN 'sans_objet'
        WHEN date_vsr IS NULL THEN 'inconnue'
        WHEN date_vsr <= date_mesure THEN 'remplie'
        ELSE 'non_remplie'
    END,
    nb_essms
FROM projets_mesures
UNION ALL
-- depenses "depenses.csv has a row of the project dated ≤ D […]; else inconnue"
SELECT
    p.date_mesure,
    p.projet,
    'depenses',
    CASE WHEN s.depenses_justifiees IS NULL THEN 'inconnue' ELSE 'remplie' END,
    p.nb_essms
FROM projets_mesures AS p
INNER JOIN soldes AS s ON s.date_mesure = p.date_mesure AND s.projet = p.projet
