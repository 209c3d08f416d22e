// Runs before every script, on whatever Node is first on the PATH: plain JavaScript that old ones read.
const oldest = 24;
const major = Number(process.versions.node.split(".")[0]);
if (major < oldest) {
  console.error(
    `Porthole's scripts need Node ${oldest} or newer and this is ${process.version} (${process.execPath}). ` +
      "npm ci installs a current one beside the other packages; run it without --ignore-scripts, " +
      "then start the script through npm (npm start, npm test).",
  );
  process.exit(1);
}
