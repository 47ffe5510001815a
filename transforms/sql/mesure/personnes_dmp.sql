-- §6.5 dmp: the persons "with ≥ 1 succes document whose day is in the window", and whether they are personnes éligibles
-- ("both terms of a rate speak of the same people"). The person is "that of the dossier if id_dossier is given and known
-- among the current dossiers of this ESSMS; else, where the current dossiers of exactly one person bear the valid ins, that
-- person, else that ins; else that of id_personne if it is known there; else the given id_personne, else id_dossier." §6.3
-- An ins that identifies nobody "is left out everywhere"; an id_personne that identifies nobody has no person there.
WITH porteurs_d_ins AS (
    SELECT
        finess_et,
        ins,
        MIN(personne) AS personne
    FROM personnes
    WHERE ins IS NOT NULL
    GROUP BY finess_et, ins
    HAVING COUNT(DISTINCT personne) = 1
),

usagers AS (
    SELECT DISTINCT
        finess_et,
        id_personne,
        personne
    FROM personnes
    WHERE NOT de_personne
),

designees AS (
    SELECT DISTINCT
        d.finess_et,
        CASE
            WHEN p.personne IS NOT NULL THEN p.personne
            WHEN i.personne IS NOT NULL THEN i.personne
            WHEN d.ins IS NOT NULL AND c.ins IS NULL THEN 'ins:' || d.ins
            WHEN u.personne IS NOT NULL THEN u.personne
            WHEN d.id_personne IS NOT NULL THEN 'usager:' || d.id_personne
            WHEN d.id_dossier IS NOT NULL THEN 'dossier:' || d.id_dossier
        END AS personne
    FROM depose_dmp AS d
    INNER JOIN fenetres AS f ON f.finess_et = d.finess_et
    LEFT JOIN personnes AS p ON p.finess_et = d.finess_et AND p.id_dossier = d.id_dossier
    LEFT JOIN porteurs_d_ins AS i ON i.finess_et = d.finess_et AND i.ins = d.ins
    LEFT JOIN ins_de_personne AS c ON c.finess_et = d.finess_et AND c.ins = d.ins
    LEFT JOIN usagers AS u ON u.finess_et = d.finess_et AND u.id_personne = d.id_personne
    WHERE d.statut = 'succes' AND CAST(d.horodatage AS DATE) BETWEEN f.debut_fenetre AND f.fin_fenetre
)

SELECT
    d.finess_et,
    d.personne,
    e.personne IS NOT NULL AS eligible
FROM designees AS d
LEFT JOIN personnes_eligibles AS e ON e.finess_et = d.finess_et AND e.personne = d.personne
WHERE d.personne IS NOT NULL
