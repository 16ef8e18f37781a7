import { createHash } from 'node:crypto';
import { cp, readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Binary, onThisMachine } from './find.ts';
import { installOnce, runInstaller } from './install.ts';

/** A server that is started from jars of Maven Central by a small class of ours. */
export interface JavaRecipe {
  readonly name: string;
  /** As in the pom. */
  readonly version: string;
  /** The folder beside this file with pom.xml, log4j2.properties and the class. */
  readonly folder: string;
  readonly main: string;
}

const java = onThisMachine(
  ['java'],
  (text) => Number(/(?:openjdk|java) (\d+)/.exec(text)?.[1]) >= 17,
);

/** The Java of the machine, with the jars and our class in its CLASSPATH. */
export function fromMaven(recipe: JavaRecipe): () => Promise<Binary> {
  const { name, version, main } = recipe;
  const source = path.join(import.meta.dirname, recipe.folder);
  return async () => {
    const { file } = await java();
    const found = `Maven Central, ${name} ${version}`;
    const id = `${recipe.folder}-${version}-${await recipeId(source, main)}`;
    const folder = await installOnce(id, found, async (fresh) => {
      await cp(source, fresh, { recursive: true });
      const quiet = ['--quiet', '--batch-mode', '--no-transfer-progress'];
      const what = ['-DincludeScope=runtime', '-DoutputDirectory=lib'];
      await runInstaller('mvn', [...quiet, 'dependency:copy-dependencies', ...what], fresh);
      await runInstaller('javac', ['-cp', 'lib/*', '-d', '.', `${main}.java`], fresh);
    });
    return { file, found, env: { CLASSPATH: `${folder}:${folder}/lib/*` } };
  };
}

/** Another recipe is another folder. */
async function recipeId(source: string, main: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of ['pom.xml', `${main}.java`, 'log4j2.properties']) {
    hash.update(await readFile(path.join(source, file)));
  }
  return hash.digest('hex').slice(0, 8);
}
