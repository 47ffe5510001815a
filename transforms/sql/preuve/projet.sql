-- In the bundle of a project, between the measure and §6.6: sources as it is published, and the date of what is followed.
ALTER TABLE sources RENAME COLUMN nom_table TO "table";
ALTER TABLE sources ADD COLUMN porteur VARCHAR;
UPDATE sources SET porteur = e.porteur FROM essms AS e WHERE e.finess_et = sources.finess_et;
ALTER TABLE indicateurs ADD COLUMN date_mesure DATE;
UPDATE indicateurs SET date_mesure = (SELECT m.date_mesure FROM mesure AS m);
ALTER TABLE essms ADD COLUMN date_mesure DATE;
UPDATE essms SET date_mesure = (SELECT m.date_mesure FROM mesure AS m);
