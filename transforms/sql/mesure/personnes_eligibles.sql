-- §6.4 personnes éligibles: "persons of the file active with at least one dossier whose eligible_projet is not false
-- (null counts as eligible and raises an alert)."
SELECT DISTINCT
    p.finess_et,
    p.personne
FROM personnes AS p
INNER JOIN file_active AS a ON a.finess_et = p.finess_et AND a.personne = p.personne
WHERE COALESCE(p.eligible_projet, TRUE)
