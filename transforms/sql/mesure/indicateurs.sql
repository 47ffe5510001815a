-- §6.5 and §7 indicateurs: one row per ESSMS and indicator.
-- "A numerator or denominator is null when a table it needs is not present." "taux = 100 × numerateur / denominateur, a
-- double, not rounded. atteint is decided on integers: 100 × numerateur ≥ cible × denominateur. reste_a_faire = the
-- smallest number of extra units of numerator that reaches the target (0 when reached)." "opposable is false for
-- indicators without a target, and for mss and dmp where exemption_socles is true or the rule set exempts PJM." "atteint
-- and reste_a_faire are null where taux is."
WITH valeurs AS (
    SELECT
        f.finess_et,
        f.porteur,
        f.debut_fenetre,
        f.fin_fenetre,
        f.regles,
        c.indicateur,
        c.cible,
        CASE WHEN s.numerateur_present THEN n.numerateur END AS numerateur,
        CASE WHEN s.denominateur_present THEN n.denominateur END AS denominateur,
        s.numerateur_present AND s.denominateur_present AS complet,
        s.partielle,
        c.cible IS NOT NULL AND NOT (c.socle AND COALESCE(x.exempte, FALSE)) AS opposable
    FROM fenetres AS f
    INNER JOIN exemptions AS x ON x.finess_et = f.finess_et
    INNER JOIN cibles AS c ON c.regles = f.regles
    INNER JOIN comptages AS n ON n.finess_et = f.finess_et AND n.indicateur = c.indicateur
    INNER JOIN etats_sources AS s ON s.finess_et = f.finess_et AND s.indicateur = c.indicateur
),

taux AS (
    SELECT
        v.*,
        CASE
            WHEN v.complet THEN 100 * CAST(v.numerateur AS DOUBLE) / NULLIF(CAST(v.denominateur AS DOUBLE), 0)
        END AS taux
    FROM valeurs AS v
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
    CASE WHEN taux IS NOT NULL AND cible IS NOT NULL THEN 100 * numerateur >= cible * denominateur END AS atteint,
    CASE
        WHEN taux IS NULL OR cible IS NULL THEN NULL
        WHEN 100 * numerateur >= cible * denominateur THEN CAST(0 AS BIGINT)
        ELSE CAST(CEIL((cible * denominateur - 100 * numerateur) / 100.0) AS BIGINT)
    END AS reste_a_faire,
    CASE
        WHEN NOT complet THEN 'source_absente'
        WHEN denominateur = 0 THEN 'denominateur_nul'
        WHEN partielle THEN 'source_partielle'
        ELSE 'calcule'
    END AS statut,
    debut_fenetre,
    fin_fenetre,
    regles
FROM taux
