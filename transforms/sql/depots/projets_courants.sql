-- §6.2 Current projets of each ESSMS: "for every dossier of which the partial deposits of a date have an accepted row, their
-- rows together replace those of that dossier; one row per key throughout, the later wins." A row stays unless a later
-- deposit names its dossier (later step) or its key. Two numbers of one chain (§4.6) may give a key twice in one file: the
-- later line wins.
WITH lignes AS (
    SELECT
        s.finess_et,
        s.id_dossier,
        s.id_projet,
        s.statut,
        s.date_debut,
        s.date_fin,
        d.etape,
        MAX(d.etape) OVER (PARTITION BY s.finess_et, s.id_dossier) AS derniere_etape,
        ROW_NUMBER() OVER (
            PARTITION BY s.finess_et, s.id_projet ORDER BY d.rang_cle DESC, s.ligne DESC, s.numero_recu DESC
        ) AS rang
    FROM depose_projets AS s
    INNER JOIN depots_etat AS d ON d.depot = s.depot AND d.finess_et = s.finess_et AND d.nom_table = 'projets'
)

SELECT
    finess_et,
    id_dossier,
    id_projet,
    statut,
    date_debut,
    date_fin
FROM lignes
WHERE etape = derniere_etape AND rang = 1
