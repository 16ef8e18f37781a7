import { ServerUnavailableError } from './errors.ts';
import { type Binary, findBinary } from './find.ts';
import { fromMaven } from './maven.ts';
import { onFreePort, startDaemon, throwAwayPath } from './process.ts';
import {
  type Facts,
  foreignServer,
  OwnServer,
  type StartOptions,
  type TestServer,
} from './server.ts';

const name = 'OpenSearch';
const variable = 'TEST_OPENSEARCH_URL';
const recipe = { name, version: '2.19.6', folder: 'opensearch', main: 'OpenSearchNode' };

/**
 * OpenSearch 2, which also answers clients of Elasticsearch 7: the one that the environment names, or a
 * node from the jars of Maven Central on the Java of the machine.
 *
 * @throws ServerUnavailableError when there is none and none can be had
 */
export async function startOpenSearch(options: StartOptions = {}): Promise<TestServer> {
  const url = process.env[variable];
  if (url && !options.own) return foreignServer(await describe(url, variable));
  const advice = `Install Java 17 or newer and Maven, or set ${variable} to one that is there.`;
  const binary = await findBinary(name, [fromMaven(recipe)], advice);
  return onFreePort(async (port) => {
    const folder = throwAwayPath(name);
    const start = () => startNode(binary, folder, port);
    const life = await start();
    const facts = await describe(`http://127.0.0.1:${port}`, binary.found);
    return new OwnServer(facts, life, start);
  });
}

/** Small and quick to start rather than quick for long. */
const jvm = ['-Xms128m', '-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

function startNode(binary: Binary, folder: string, port: number) {
  const args = [...jvm, '-Dlog4j2.disable.jmx=true', 'OpenSearchNode', folder, `${port}`];
  return startDaemon({ name, binary, args, folder, readyText: 'OpenSearch is ready' });
}

async function describe(url: string, found: string): Promise<Facts> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
    if (!response.ok) throw new Error(`it answered ${response.status}`);
    const about = (await response.json()) as { version: { number: string } };
    return { name, version: about.version.number, found, url };
  } catch (error) {
    const tried = `${found} (${url}): ${String(error)}`;
    throw new ServerUnavailableError(name, [tried], 'Start it, or take the variable away.', {
      cause: error,
    });
  }
}
