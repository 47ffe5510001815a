-- §6.3 The person of each current dossier, inside one ESSMS: "take the distinct valid ins of all dossiers of one
-- id_personne. Exactly one: the person is that ins. None, or several: the person is that id_personne." "An ins borne by more
-- than two id_personne of the ESSMS identifies nobody: it is left out everywhere. An id_personne of more than two current
-- dossiers that do not all bear one same valid ins identifies nobody either: each of these dossiers is a person of its own
-- (its ins, if valid)." incoherente: what the alert IDENTITE_INCOHERENTE counts.
WITH dossiers AS (
    SELECT
        d.finess_et,
        d.id_dossier,
        d.id_personne,
        d.eligible_projet,
        c.ins IS NOT NULL AS ins_de_personne,
        CASE WHEN c.ins IS NULL THEN d.ins END AS ins
    FROM dossiers_courants AS d
    LEFT JOIN ins_de_personne AS c ON c.finess_et = d.finess_et AND c.ins = d.ins
),

identites AS (
    SELECT
        finess_et,
        id_personne,
        COUNT(DISTINCT ins) AS nb_ins,
        MIN(ins) AS ins,
        COUNT(*) > 2 AND (COUNT(DISTINCT ins) <> 1 OR COUNT(ins) < COUNT(*)) AS de_personne,
        MAX(CASE WHEN ins_de_personne THEN 1 ELSE 0 END) = 1 AS ins_de_personne
    FROM dossiers
    GROUP BY finess_et, id_personne
)

SELECT
    d.finess_et,
    d.id_dossier,
    d.id_personne,
    d.ins,
    d.eligible_projet,
    i.de_personne,
    i.nb_ins > 1 OR i.de_personne OR i.ins_de_personne AS incoherente,
    CASE
        WHEN i.de_personne AND d.ins IS NOT NULL THEN 'ins:' || d.ins
        WHEN i.de_personne THEN 'dossier:' || d.id_dossier
        WHEN i.nb_ins = 1 THEN 'ins:' || i.ins
        ELSE 'usager:' || d.id_personne
    END AS personne
FROM dossiers AS d
INNER JOIN identites AS i ON i.finess_et = d.finess_et AND i.id_personne = d.id_personne
