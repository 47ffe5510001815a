-- §6.5 and §7 indicateurs: one row per ESSMS and indicator.
-- "A numerator or denominator is null when a table it needs is not present." "taux = 100 × numerateur / denominateur, a
-- double, not rounded. atteint is decided on integers: 100 × numerateur ≥ cible × denominateur. reste_a_faire = the
-- smallest number of extra units of numerator that reaches the target (0 when reached)." "opposable is false for
-- indicators without a target, and for mss and dmp where exemption_socles is true or the rule set exempts PJM." "atteint
-- and reste_a_faire are null where taux is."
-- "verdict, first that applies: non_opposable; non_demontre (source_absente); sans_objet (denominateur_nul with no reason 3,
-- for projet_personnalise and agenda only); a_confirmer (denominateur_nul otherwise); non_atteint; a_confirmer (reached, but
-- taux_plancher is null or under the target); atteint. Where the sub-sector that an exemption needs is unknown, non_atteint
-- and non_demontre of mss and dmp are a_confirmer." Whether taux_plancher is under the target is decided on integers too.
WITH valeurs AS (
    SELECT
        f.finess_et,
        f.porteur,
        e.projet,
        f.debut_fenetre,
        f.fin_fenetre,
        f.regles,
        c.indicateur,
        c.cible,
        CASE WHEN s.numerateur_present THEN n.numerateur END AS numerateur,
        CASE WHEN s.denominateur_present THEN n.denominateur END AS denominateur,
        s.numerateur_present AND s.denominateur_present AS complet,
        s.partielle,
        c.cible IS NOT NULL AND NOT (c.socle AND COALESCE(x.exempte, FALSE)) AS opposable,
        c.socle AND x.exempte IS NULL AS exemption_inconnue,
        p.numerateur AS numerateur_plancher,
        n.denominateur + p.manquants AS denominateur_plancher,
        p.sans_borne
    FROM fenetres AS f
    INNER JOIN essms AS e ON e.finess_et = f.finess_et
    INNER JOIN exemptions AS x ON x.finess_et = f.finess_et
    INNER JOIN cibles AS c ON c.regles = f.regles
    INNER JOIN comptages AS n ON n.finess_et = f.finess_et AND n.indicateur = c.indicateur
    INNER JOIN etats_sources AS s ON s.finess_et = f.finess_et AND s.indicateur = c.indicateur
    INNER JOIN planchers AS p ON p.finess_et = f.finess_et AND p.indicateur = c.indicateur
),

taux AS (
    SELECT
        v.*,
        CASE
            WHEN v.complet THEN 100 * CAST(v.numerateur AS DOUBLE) / NULLIF(CAST(v.denominateur AS DOUBLE), 0)
        END AS taux
    FROM valeurs AS v
),

juges AS (
    SELECT
        t.*,
        CASE
            WHEN t.taux IS NOT NULL AND t.cible IS NOT NULL THEN 100 * t.numerateur >= t.cible * t.denominateur
        END AS atteint,
        CASE
            WHEN NOT t.complet THEN 'source_absente'
            WHEN t.denominateur = 0 THEN 'denominateur_nul'
            WHEN t.partielle THEN 'source_partielle'
            ELSE 'calcule'
        END AS statut,
        t.taux IS NOT NULL AND NOT t.sans_borne AS borne
    FROM taux AS t
)

SELECT
    finess_et,
    porteur,
    indicateur,
    numerateur,
    denominateur,
    taux,
    CAST(cible AS DOUBLE) AS cible,
    opposable,
    atteint,
    CASE
        WHEN atteint THEN CAST(0 AS BIGINT)
        WHEN NOT atteint THEN CAST(CEIL((cible * denominateur - 100 * numerateur) / 100.0) AS BIGINT)
    END AS reste_a_faire,
    statut,
    debut_fenetre,
    fin_fenetre,
    regles,
    projet,
    CASE
        WHEN borne THEN 100 * CAST(numerateur_plancher AS DOUBLE) / CAST(denominateur_plancher AS DOUBLE)
    END AS taux_plancher,
    CASE
        WHEN NOT opposable THEN 'non_opposable'
        WHEN exemption_inconnue AND (statut = 'source_absente' OR NOT atteint) THEN 'a_confirmer'
        WHEN statut = 'source_absente' THEN 'non_demontre'
        WHEN statut = 'denominateur_nul' AND NOT partielle AND indicateur IN ('projet_personnalise', 'agenda')
            THEN 'sans_objet'
        WHEN statut = 'denominateur_nul' THEN 'a_confirmer'
        WHEN NOT atteint THEN 'non_atteint'
        WHEN borne AND 100 * numerateur_plancher >= cible * denominateur_plancher THEN 'atteint'
        ELSE 'a_confirmer'
    END AS verdict
FROM juges
