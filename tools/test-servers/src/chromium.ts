import { type Binary, findBinary, onThisMachine, versionText } from './find.ts';
import { fromSystemPackage } from './install.ts';

/** A browser that a test can start. */
export interface Browser extends Binary {
  readonly name: 'Chromium';
  readonly version: string;
}

const variable = 'TEST_CHROMIUM';
const machine = onThisMachine(
  ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
  (text) => versionOf(text) !== undefined,
);

/**
 * Finds Chromium or Chrome: the program that the environment names in `TEST_CHROMIUM`, one on the machine, or Debian's.
 *
 * @throws ServerUnavailableError when there is none and none can be had
 */
export async function findChromium(): Promise<Browser> {
  const file = process.env[variable];
  const sources = file
    ? [async () => ({ file, found: variable })]
    : [machine, fromSystemPackage('chromium', machine)];
  const advice = `Install Chromium, or set ${variable} to the path of one.`;
  const binary = await findBinary('Chromium', sources, advice);
  return {
    ...binary,
    name: 'Chromium',
    version: versionOf(await versionText(binary.file)) ?? 'unknown',
  };
}

function versionOf(text: string): string | undefined {
  return /Chrom(?:e|ium) (\d[\d.]*)/.exec(text)?.[1];
}
