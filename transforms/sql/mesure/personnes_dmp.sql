-- §6.5 dmp: "distinct persons with ≥ 1 succes document whose day is in the window." The person is "that of the dossier if
-- id_dossier is given and known among the current dossiers of this ESSMS; else the valid ins; else that of id_personne if
-- it is known there; else the given id_personne, else id_dossier."
WITH usagers AS (
    SELECT DISTINCT
        finess_et,
        id_personne,
        personne
    FROM personnes
)

SELECT DISTINCT
    d.finess_et,
    CASE
        WHEN p.personne IS NOT NULL THEN p.personne
        WHEN d.ins IS NOT NULL THEN 'ins:' || d.ins
        WHEN u.personne IS NOT NULL THEN u.personne
        WHEN d.id_personne IS NOT NULL THEN 'usager:' || d.id_personne
        ELSE 'dossier:' || d.id_dossier
    END AS personne
FROM depose_dmp AS d
INNER JOIN fenetres AS f ON f.finess_et = d.finess_et
LEFT JOIN personnes AS p ON p.finess_et = d.finess_et AND p.id_dossier = d.id_dossier
LEFT JOIN usagers AS u ON u.finess_et = d.finess_et AND u.id_personne = d.id_personne
WHERE d.statut = 'succes' AND CAST(d.horodatage AS DATE) BETWEEN f.debut_fenetre AND f.fin_fenetre
