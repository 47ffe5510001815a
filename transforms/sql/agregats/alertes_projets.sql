-- §6.6, alerts about a project, or about the category of one of its ESSMS (finess_et, categorie).
-- MONTANT: "a difference raises an alert"; "An ESSMS without type, or a row set aside that names the project, makes
-- montant_theorique null (same alert)".
SELECT
    date_mesure,
    'MONTANT' AS code,
    porteur,
    projet,
    CAST(NULL AS VARCHAR) AS finess_et,
    CAST(NULL AS VARCHAR) AS categorie
FROM projets_mesures
WHERE montant_theorique IS NULL OR montant_theorique <> montant_accorde
UNION ALL
-- DELAI_DEPASSE "for the agency, never a refusal (the texts call it a reference)"
SELECT date_mesure, 'DELAI_DEPASSE', porteur, projet, NULL, NULL
FROM conventions
WHERE echeance_indicative < date_mesure
UNION ALL
-- CATEGORIE_NON_ELIGIBLE "where the FINESS category is none of those of art. L312-1 CASF (categories.csv says which)"
SELECT e.date_mesure, 'CATEGORIE_NON_ELIGIBLE', e.porteur, e.projet, e.finess_et, e.categorie
FROM essms AS e
LEFT JOIN categories AS c ON c.categorie = e.categorie AND c.article_l312_1 IS NOT NULL
WHERE e.categorie IS NOT NULL AND c.categorie IS NULL
