-- §6.4 dossier actif: "a dossier whose person is in the file active, and with at least one mise à jour whose day is in
-- the window."
SELECT
    p.finess_et,
    p.id_dossier
FROM personnes AS p
INNER JOIN file_active AS a ON a.finess_et = p.finess_et AND a.personne = p.personne
WHERE EXISTS (
    SELECT 1 FROM mises_a_jour_fenetre AS m WHERE m.finess_et = p.finess_et AND m.id_dossier = p.id_dossier
)
