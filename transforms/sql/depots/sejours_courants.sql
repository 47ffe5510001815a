-- §6.2 Current sejours of each ESSMS: "for every dossier of which the partial deposits of a date have an accepted row, their
-- rows together replace those of that dossier; one row per key throughout, the later wins." A row stays unless a later
-- deposit names its dossier (later step) or its key. Two numbers of one chain (§4.6) may give a key twice in one file: the
-- later line wins.
WITH lignes AS (
    SELECT
        s.finess_et,
        s.id_dossier,
        s.date_entree,
        s.date_sortie,
        d.etape,
        MAX(d.etape) OVER (PARTITION BY s.finess_et, s.id_dossier) AS derniere_etape,
        ROW_NUMBER() OVER (
            PARTITION BY s.finess_et, s.id_dossier, s.date_entree ORDER BY d.rang_cle DESC, s.ligne DESC, s.numero_recu DESC
        ) AS rang
    FROM depose_sejours AS s
    INNER JOIN depots_etat AS d ON d.depot = s.depot AND d.finess_et = s.finess_et AND d.nom_table = 'sejours'
)

SELECT
    finess_et,
    id_dossier,
    date_entree,
    date_sortie
FROM lignes
WHERE etape = derniere_etape AND rang = 1
