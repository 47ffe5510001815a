-- §6.3 The person of each current dossier, inside one ESSMS: "take the distinct valid ins of all dossiers of one
-- id_personne. Exactly one: the person is that ins. None, or several: the person is that id_personne."
WITH identites AS (
    SELECT
        finess_et,
        id_personne,
        COUNT(DISTINCT ins) AS nb_ins,
        MIN(ins) AS ins
    FROM dossiers_courants
    GROUP BY finess_et, id_personne
)

SELECT
    d.finess_et,
    d.id_dossier,
    d.id_personne,
    d.eligible_projet,
    i.nb_ins,
    CASE WHEN i.nb_ins = 1 THEN 'ins:' || i.ins ELSE 'usager:' || d.id_personne END AS personne
FROM dossiers_courants AS d
INNER JOIN identites AS i ON i.finess_et = d.finess_et AND i.id_personne = d.id_personne
