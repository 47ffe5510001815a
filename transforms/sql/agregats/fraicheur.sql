-- §7, fraicheur: for each porteur and table, the latest extraction that gave rows, and its age on the day of the
-- publication. A refused or waiting deposit does not make the data any fresher.
WITH porteurs_connus AS (
    SELECT
        porteur,
        MIN(nom_porteur) AS nom_porteur
    FROM essms
    GROUP BY porteur
),

utilises AS (
    SELECT
        porteur,
        nom_table,
        COUNT(*) AS nb_depots,
        MAX(date_extraction) AS derniere_extraction
    FROM depots
    WHERE statut IN ('accepte', 'accepte_avec_rejets') AND lignes_utilisees > 0
    GROUP BY porteur, nom_table
)

SELECT
    p.porteur,
    p.nom_porteur,
    t.nom_table,
    t.facultative,
    CAST(COALESCE(u.nb_depots, 0) AS BIGINT) AS nb_depots,
    u.derniere_extraction,
    j.jour,
    CAST(jours_entre(u.derniere_extraction, j.jour) AS BIGINT) AS retard_jours
FROM porteurs_connus AS p
CROSS JOIN tables_deposees AS t
CROSS JOIN publication AS j
LEFT JOIN utilises AS u ON u.porteur = p.porteur AND u.nom_table = t.nom_table
