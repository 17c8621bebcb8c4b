/** Asks a PostgreSQL whether Sallyport can live there; every way in which it cannot is a sentence that names the cure and never the password. */
import pg from "pg";

/** Oldest major version that the schema works on. */
export const oldestPostgres = 14;

/** Resolves with the version in words; throws an Error whose message is the sentence. */
export async function probeDatabase(databaseUrl) {
  const where = describeUrl(databaseUrl);
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 8_000, query_timeout: 8_000 });
  client.on("error", () => {}); // the call that suffers from it reports it
  try {
    await client.connect();
  } catch (cause) {
    throw new Error(connectFailure(cause, where), { cause });
  }
  try {
    const { rows } = await client.query(
      "SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int / 10000 AS major, has_schema_privilege('public', 'CREATE') AS may_create, pg_is_in_recovery() AS standby",
    );
    const [found] = rows;
    if (found.major < oldestPostgres) throw new Error(`DATABASE_URL leads to PostgreSQL ${found.version} at ${where.address}; Sallyport needs ${oldestPostgres} or later.`);
    if (found.standby) throw new Error(`DATABASE_URL leads to a read-only standby at ${where.address}; name the primary.`);
    if (!found.may_create) throw new Error(`The user ${where.user} may not make tables in the database ${where.database}; make it the owner: ALTER DATABASE "${where.database}" OWNER TO "${where.user}".`);
    return `PostgreSQL ${found.version} at ${where.address}`;
  } finally {
    await client.end().catch(() => {}); // the answer is already there
  }
}

function describeUrl(text) {
  try {
    const url = new URL(text);
    if (!/^postgres(ql)?:$/.test(url.protocol)) throw new Error(url.protocol);
    return { address: url.host || "the local socket", user: decodeURIComponent(url.username) || "(none)", database: decodeURIComponent(url.pathname.slice(1)) || "(none)" };
  } catch (cause) {
    throw new Error("DATABASE_URL is not the address of a PostgreSQL database; it looks like postgresql://user:password@host:5432/sallyport (escape special characters of the password as %XX).", { cause });
  }
}

function connectFailure(error, { address, user, database }) {
  switch (error.code) {
    case "28P01":
    case "28000":
      return `PostgreSQL at ${address} refused the user ${user}; check the user and the password in DATABASE_URL.`;
    case "3D000":
      return `PostgreSQL at ${address} has no database ${database}; make it (createdb -O ${user} ${database}) or correct DATABASE_URL.`;
    case "ECONNREFUSED":
      return `Nothing listens at ${address}; start PostgreSQL there or correct DATABASE_URL.`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `The host of DATABASE_URL (${address}) does not resolve; correct it.`;
    case "53300":
      return `PostgreSQL at ${address} has no connection left; raise its max_connections (Sallyport uses up to 30).`;
    default:
      return `PostgreSQL at ${address} cannot be used: ${error.message || error.code || "it does not answer"}. Check DATABASE_URL, the firewall and the server's pg_hba.conf.`;
  }
}
