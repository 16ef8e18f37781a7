import { createHash } from 'node:crypto';
import { cp, readFile } from 'node:fs/promises';
import path from 'node:path';
import { ServerUnavailableError } from './errors.ts';
import { type Binary, findBinary, onThisMachine } from './find.ts';
import { installOnce, runInstaller } from './install.ts';
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
/** As in the pom. */
const version = '2.19.6';
const recipe = path.join(import.meta.dirname, 'opensearch');

const java = onThisMachine(
  ['java'],
  (text) => Number(/(?:openjdk|java) (\d+)/.exec(text)?.[1]) >= 17,
);

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
  const binary = await findBinary(name, [fromMaven], advice);
  return onFreePort(async (port) => {
    const folder = throwAwayPath(name);
    const start = () => startNode(binary, folder, port);
    const life = await start();
    const facts = await describe(`http://127.0.0.1:${port}`, binary.found);
    return new OwnServer(facts, life, start);
  });
}

/** The jars and our class, in the folder that the binary's CLASSPATH names. */
async function fromMaven(): Promise<Binary> {
  const { file } = await java();
  const found = `Maven Central, OpenSearch ${version}`;
  const folder = await installOnce(
    `opensearch-${version}-${await recipeId()}`,
    found,
    async (fresh) => {
      await cp(recipe, fresh, { recursive: true });
      const quiet = ['--quiet', '--batch-mode', '--no-transfer-progress'];
      const copy = [
        'dependency:copy-dependencies',
        '-DincludeScope=runtime',
        '-DoutputDirectory=lib',
      ];
      await runInstaller('mvn', [...quiet, ...copy], fresh);
      await runInstaller('javac', ['-cp', 'lib/*', '-d', '.', 'OpenSearchNode.java'], fresh);
    },
  );
  return { file, found, env: { CLASSPATH: `${folder}:${folder}/lib/*` } };
}

/** Another recipe is another folder. */
async function recipeId(): Promise<string> {
  const hash = createHash('sha256');
  for (const file of ['pom.xml', 'OpenSearchNode.java', 'log4j2.properties']) {
    hash.update(await readFile(path.join(recipe, file)));
  }
  return hash.digest('hex').slice(0, 8);
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
